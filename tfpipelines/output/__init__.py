"""What people see: progress, tables in the terminal, log records, the look of HTML pages."""
