"""The columns of tables: what each holds, and how cells become numbers and codes."""
