"""What the core needs from outside, each as a Protocol with the errors it may raise."""
