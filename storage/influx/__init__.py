"""InfluxDB and VictoriaMetrics: sending the journal's series there (`sink`), comparing (`verifying`), reading them back (`replica`).

Only the address is imported here: importing the client takes most of a second, and most commands do without it.
"""

from storage.influx.address import Address, Kind, Machine

__all__ = ["Address", "Kind", "Machine"]
