"""The store of a search: its database, the migration of databases of earlier versions, and exports."""
