"""`Table`, `Answer` and their writers: results as text, pictures and documents."""
