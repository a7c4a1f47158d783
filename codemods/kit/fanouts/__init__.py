"""Many awaitables started together, and what each comes to."""
