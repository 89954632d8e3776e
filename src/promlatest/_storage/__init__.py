"""What is held: tables of series, snapshots, appenders, queries and the store."""
