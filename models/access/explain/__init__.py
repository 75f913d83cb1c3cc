"""Why a namespace can, or cannot, pull an image."""
