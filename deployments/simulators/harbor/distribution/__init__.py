"""/v2 and its tokens, as docker pull and push use them."""
