"""What of a catalog is not so on its host: asked of it in one call, which changes nothing."""
