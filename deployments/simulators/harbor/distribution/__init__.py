"""/v2 and its tokens: what docker pull and push use."""
