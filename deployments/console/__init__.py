"""The console: web pages that show the state live and start flows."""
