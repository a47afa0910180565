"""Everything that makes a checkpoint. Never imported by the service in app/."""
