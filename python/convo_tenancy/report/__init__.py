"""What is known of the move, as one page for the change review."""
