"""What people answer about moods: recorded, asked for, and learned from."""
