"""What a site offers a new agent: ready answers, and the questions that it leaves open."""
