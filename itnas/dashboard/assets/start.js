"use strict";
window.renderer = new DashRenderer();
