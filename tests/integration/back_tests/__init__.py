"""Back-tests over what real hosts did."""
