"""Plots a vehicle's longest trip: the way, coloured by speed, and the speed over time.

    python trip.py wide.parquet trip.png [VIN]

`wide.parquet` is an export with `--signals wide` and the three signals below.
"""
import sys

import duckdb
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

source, target, *rest = sys.argv[1:]

# Late data stands where it was received; by the vehicle's own clock it falls into its place.
samples = duckdb.execute(
    """
    WITH samples AS (
      SELECT vin, observedAt, "Vehicle.Speed" AS speed,
             "Vehicle.CurrentLocation.Latitude" AS latitude, "Vehicle.CurrentLocation.Longitude" AS longitude
      FROM read_parquet($source) WHERE "Vehicle.Speed" > 1
    ), steps AS (
      SELECT *, observedAt - lag(observedAt) OVER (PARTITION BY vin ORDER BY observedAt) > INTERVAL 5 MINUTES AS begins
      FROM samples
    ), trips AS (
      SELECT *, count_if(begins) OVER (PARTITION BY vin ORDER BY observedAt) AS trip FROM steps
    ), longest AS (
      SELECT vin, trip FROM trips WHERE $vin IS NULL OR vin = $vin
      GROUP BY ALL ORDER BY max(observedAt) - min(observedAt) DESC, vin LIMIT 1
    )
    SELECT trips.* FROM trips JOIN longest USING (vin, trip) ORDER BY observedAt
    """,
    {"source": source, "vin": rest[0] if rest else None},
).fetchnumpy()

if len(samples["vin"]) == 0:
    sys.exit(f"{source} has no sample that moves" + (f" of {rest[0]}" if rest else ""))

figure, (way, pace) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
points = way.scatter(samples["longitude"], samples["latitude"], c=samples["speed"], s=6, cmap="viridis")
way.set(title=f"{samples['vin'][0]}", xlabel="longitude", ylabel="latitude")
way.set_aspect("equal", adjustable="datalim")
figure.colorbar(points, ax=way, label="km/h")
pace.plot(samples["observedAt"], samples["speed"], linewidth=1)
pace.set(title="Speed by the vehicle's clock", ylabel="km/h", ylim=(0, None))
pace.tick_params(axis="x", rotation=30)
figure.savefig(target, dpi=110)
print(f"{target}: {len(samples['vin'])} samples of {samples['vin'][0]}")
