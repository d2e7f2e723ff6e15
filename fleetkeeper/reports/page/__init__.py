"""The page of one audit: one HTML file that needs nothing else, made from the content of results.json."""
