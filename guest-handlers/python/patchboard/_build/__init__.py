"""What `patchboard build` asks of an application before it makes a component of it."""
