"""How connections are made: guarded addresses, proxies, client certificates."""
