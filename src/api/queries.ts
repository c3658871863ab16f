import { ReadModel, type VehicleOrder as Order } from "../readmodel/read-model.ts"
import { Alert, AlertFilter, AlertOrder, toAlertFilter, toAlertOrder } from "./alert.ts"
import { builder, connectionOptions, edgeOptions, totalText } from "./builder.ts"
import { toFleetPart } from "./fleet-part.ts"
import { checkedVin } from "./input.ts"
import { connectionOf, pageOf } from "./paging.ts"
import { vehicleAsOf } from "./past.ts"
import { toVehicleFilter, toVehicleOrder, Vehicle, VehicleFilter, VehicleOrder } from "./vehicle.ts"

const listOfAlerts = (descending: boolean) => ({ name: descending ? "alerts" : "alerts/raisedAt/asc", columns: 2 })

const listOfVehicles = ({ by, descending }: Order) => ({
  name: `vehicles/${by}/${descending ? "desc" : "asc"}`,
  columns: by === "vin" ? 1 : 2,
})

export const addQueries = () => builder.queryFields((t) => ({
  vehicle: t.field({
    type: Vehicle,
    nullable: true,
    description:
      "A vehicle by its VIN; null where there is none. With `asOf` there is an error instead: `NOT_FOUND` where "
      + "nothing was known of it yet, `ARCHIVED` where what was known was moved to the archive's file that it names.",
    args: {
      vin: t.arg.string({ required: true, description: "Vehicle identification number." }),
      asOf: t.arg({
        type: "DateTime",
        description:
          "As it was known then: what this service has received since is left out. The present, if not given.",
      }),
    },
    resolve: async (_, { asOf, vin }, context) =>
      typeof asOf === "number"
        ? vehicleAsOf(vin, asOf, context)
        : (await context.loaders.vehicle.load(checkedVin(vin)))?.twin,
  }),
  vehicles: t.connection({
    type: Vehicle,
    description: "The fleet.",
    args: {
      filter: t.arg({ type: VehicleFilter, description: "Only those that match." }),
      orderBy: t.arg({ type: VehicleOrder, description: "By VIN if not given." }),
    },
    resolve: async (_, args, { run }) => {
      const filter = toVehicleFilter(args.filter)
      const order = toVehicleOrder(args.orderBy)
      const list = listOfVehicles(order)
      const page = pageOf(list, args)
      const slice = await run(ReadModel.use((_) => _.vehicles(filter, order, page)))
      const rows = slice.rows.map(({ row, key }) => ({ row: row.twin, key }))
      return {
        ...connectionOf(list, args, { rows, hasMore: slice.hasMore }),
        totalCount: () => run(ReadModel.use((_) => _.countVehicles(filter))),
      }
    },
  }, {
    ...connectionOptions("Vehicle", "vehicles"),
    fields: (c) => ({ totalCount: c.int({ description: totalText, resolve: (_) => _.totalCount() }) }),
  }, edgeOptions("Vehicle", "vehicles")),
  alerts: t.connection({
    type: Alert,
    description: "The fleet's alerts.",
    args: {
      filter: t.arg({ type: AlertFilter, description: "Only those that match." }),
      depots: t.arg.stringList({ description: "Only of vehicles of these depots." }),
      regions: t.arg.stringList({ description: "Only of vehicles of these regions." }),
      orderBy: t.arg({ type: AlertOrder, description: "The newest first if not given." }),
    },
    resolve: async (_, args, { now, run }) => {
      const { depots, regions } = args
      const filter = { ...toAlertFilter(args.filter, now()), ...toFleetPart({ depots, regions }) }
      const order = toAlertOrder(args.orderBy)
      const list = listOfAlerts(order.descending)
      const page = pageOf(list, args)
      const slice = await run(ReadModel.use((_) => _.alerts(filter, order, page)))
      return {
        ...connectionOf(list, args, slice),
        totalCount: () => run(ReadModel.use((_) => _.countAlerts(filter))),
      }
    },
  }, {
    ...connectionOptions("Alert", "alerts"),
    fields: (c) => ({ totalCount: c.int({ description: totalText, resolve: (_) => _.totalCount() }) }),
  }, edgeOptions("Alert", "alerts")),
  cursor: t.field({
    type: "Cursor",
    description: "Where the read model stands. Take it, query, then subscribe from it: nothing falls between.",
    resolve: (_, __, { run }) => run(ReadModel.use((_) => _.position)),
  }),
}))

builder.objectField(Alert, "vehicle", (t) =>
  t.field({
    type: Vehicle,
    nullable: true,
    description: "The vehicle.",
    resolve: async ({ vin }, _, { loaders }) => (await loaders.vehicle.load(vin))?.twin,
  }))
