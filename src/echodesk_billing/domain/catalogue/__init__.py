"""What is sold, and what a selection of it costs."""
