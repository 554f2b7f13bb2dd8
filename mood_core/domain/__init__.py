"""Facts and rules of the field itself: pure, without files, databases or services."""
