"""What is sold, and what a selection costs."""
