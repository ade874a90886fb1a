"use strict";

// What the grid's columns call by name.
var dagfuncs = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});

dagfuncs.itnasNumber = (value, digits) => {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  if (digits === 0) return value.toLocaleString("en");
  return value !== 0 && Math.abs(value) < 10 ** -digits ? value.toPrecision(3) : value.toFixed(digits);
};

dagfuncs.itnasTheme = (theme) => {
  const own = {
    accentColor: "var(--takes)",
    backgroundColor: "var(--raised)",
    foregroundColor: "var(--ink)",
    borderColor: "var(--rule)",
    headerBackgroundColor: "var(--raised)",
    chromeBackgroundColor: "var(--raised)",
    fontFamily: "system-ui, sans-serif",
    fontSize: 13,
    wrapperBorderRadius: 6,
  };
  // Else the theme's own dark colours would go before these.
  return theme.withParams(own).withParams(own, "light").withParams(own, "dark");
};
