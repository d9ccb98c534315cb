"""Training of the models beside this folder; see README.md."""
