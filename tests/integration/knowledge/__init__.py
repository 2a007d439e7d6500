"""Knowledge over real servers."""
