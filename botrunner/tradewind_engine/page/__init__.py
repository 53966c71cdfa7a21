"""A report as one HTML file that needs nothing else: no network, no server, no library.

- document: JSON of a report in, text of the file out    - sections, charts: its parts, with everything escaped
- candle_levels: fewer candles where there are too many, by highs and lows
- page.css, page.js: looks and behaviour; the script is the only one that the file's own policy lets run
"""
