"""Looking at runs in a browser: a live, read-only web application, and a report in one file."""
