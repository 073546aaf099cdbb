"""Groups, users, their homes and the keys in them."""
