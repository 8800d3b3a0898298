"""Keys for captures: what is known of them, and the files in which people have them."""
