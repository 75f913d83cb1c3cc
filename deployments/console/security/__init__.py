"""Who may use the console: login, sessions, CSRF tokens, trusted proxies, response headers."""
