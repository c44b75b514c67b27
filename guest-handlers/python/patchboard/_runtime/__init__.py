"""What stands between the host's contract and the application; nothing here is for authors."""
