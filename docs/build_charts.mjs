// What the mood page needs of Apache ECharts. To build mood_core/report/assets/echarts.min.js again, in an empty folder:
//   npm install echarts@6.1.0 esbuild
//   npx esbuild build_charts.mjs --bundle --minify --format=iife --global-name=echarts --legal-comments=inline --banner:js='/* Apache ECharts 6.1.0, Apache License 2.0: see LICENSE-echarts.txt and NOTICE-echarts.txt. Built by docs/build_charts.mjs. */' --outfile=echarts.min.js
import { BarChart, CustomChart, HeatmapChart, LineChart, ScatterChart } from "echarts/charts";
import { AriaComponent, CalendarComponent, GridComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

export { getInstanceByDom, init } from "echarts/core";

use([BarChart, CustomChart, HeatmapChart, LineChart, ScatterChart]);
use([AriaComponent, CalendarComponent, GridComponent, TooltipComponent, VisualMapComponent, CanvasRenderer]);
