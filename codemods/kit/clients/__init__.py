"""Clients of models and servers: how they are held, and what becomes of them."""
