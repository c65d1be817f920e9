"""What crosses between the two nodes: a question about a person, and its answer."""
