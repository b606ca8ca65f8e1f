"""Networks: bridges, endpoints, addresses, published ports, names.

Everything is called by the processes of `supervise` (monitors, workers, side children), which
stand where the home's bridges are. Standard library only.
"""
