"""Plots the state of charge of each vehicle over time.

    python state_of_charge.py long.parquet state-of-charge.png

`long.parquet` is an export with `--signals long`; only one signal of it is used.
"""
import sys

import matplotlib
import polars as pl

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

source, target = sys.argv[1:]

readings = (
    pl.scan_parquet(source)
    .filter(pl.col("path") == "Vehicle.Powertrain.TractionBattery.StateOfCharge.Current")
    .filter((pl.col("quality") == "GOOD") & ~pl.col("clockFault"))
    .sort("vin", "observedAt")
    .collect()
)
if readings.is_empty():
    sys.exit(f"{source} has no reading of the state of charge")

# One value in five minutes is enough for the eye.
curves = readings.group_by_dynamic("observedAt", every="5m", group_by="vin").agg(pl.col("value").mean())

figure, axes = plt.subplots(figsize=(11, 4.5), layout="constrained")
for (vin,), curve in curves.partition_by("vin", as_dict=True).items():
    axes.plot(curve["observedAt"], curve["value"], linewidth=1, label=vin)
axes.set(title="State of charge by the vehicle's clock", ylabel="%", ylim=(0, 100))
axes.legend(loc="lower left", ncols=2, fontsize="small")
figure.savefig(target, dpi=110)
print(f"{target}: {len(readings)} readings of {readings['vin'].n_unique()} vehicles")
