"""Google Trends, three ways in: by pytrends (`relay`, `trendreq`), by the official API (`official`), and by CSV saved by hand (`saved`).

What all share stands in `metrics`; how answers are read in `payloads`, how more than five terms are compared in `chaining`.
"""
