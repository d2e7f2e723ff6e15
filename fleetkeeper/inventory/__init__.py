"""The inventory file: what a person wrote about the servers, read strictly."""
