"""What somebody permitted the hub at an OAuth provider, kept encrypted and renewed in time."""
