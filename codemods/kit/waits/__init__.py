"""What waits in the event loop's thread, and what is done about it."""
