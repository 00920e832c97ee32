// A press's PLC, spoken by node-opcua: an OPC UA server that nobody here wrote.
//
// node press.mjs PORT FOLDER [URI ...]
//
// The URIs are of namespaces that come before the press's, so that its number differs.
// Commands come on standard input, one JSON object a line; answers and what happens go to standard
// output the same way. The server ends when its standard input does. FOLDER takes its certificates.

import readline from "node:readline";
import { join } from "node:path";
import {
  AccessLevelFlag,
  DataType,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  StatusCodes,
  Variant,
  VariantArrayType,
} from "node-opcua";

const [port, folder, ...before] = process.argv.slice(2);
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

const certificates = new OPCUACertificateManager({
  rootFolder: join(folder, "pki"),
  automaticallyAcceptUnknownCertificate: true,
});
await certificates.initialize();
const server = new OPCUAServer({
  port: Number(port),
  hostname: "127.0.0.1",
  alternateHostname: ["127.0.0.1"],
  serverCertificateManager: certificates,
  userCertificateManager: certificates,
  securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256],
  securityModes: [MessageSecurityMode.None, MessageSecurityMode.SignAndEncrypt],
});
await server.initialize();

const space = server.engine.addressSpace;
for (const uri of before) space.registerNamespace(uri);
const namespace = space.registerNamespace("urn:acme:press");
const press = namespace.addObject({ browseName: "Press", organizedBy: space.rootFolder.objects });
const nodes = {};
const refused = new Set();
let tears = 0;
const scalar = (dataType, value) =>
  new Variant({ dataType, value, arrayType: VariantArrayType.Scalar });

for (const [name, dataType, value, writable] of [
  ["Trigger", DataType.Boolean, false],
  ["Request", DataType.UInt16, 7],
  ["Count", DataType.Int64, [0, 41]],
  ["Force", DataType.Float, 12.5],
  ["Serial", DataType.String, "SN-0001"],
  ["Result", DataType.Int16, 0, true],
  ["Ack", DataType.Boolean, false, true],
]) {
  const access = AccessLevelFlag.CurrentRead | (writable ? AccessLevelFlag.CurrentWrite : 0);
  const node = namespace.addVariable({
    componentOf: press,
    browseName: name,
    nodeId: `s=${name}`,
    dataType,
    value: scalar(dataType, value),
    accessLevel: access,
    userAccessLevel: access,
    minimumSamplingInterval: 10,
  });
  node.on("value_changed", (data) => {
    if (writable) say({ wrote: name, value: data.value.value });
  });
  nodes[name] = { node, dataType };
}

// One hook for two disturbances: a write that is refused, a guard that moves under a snapshot.
const writeValue = nodes.Result.node.writeValue;
nodes.Result.node.writeValue = function (context, data, range, done) {
  if (typeof range === "function") [done, range] = [range, null];
  if (refused.has("Result")) return done(null, StatusCodes.BadUserAccessDenied);
  return writeValue.call(this, context, data, range, done);
};
const readSerial = nodes.Serial.node.readValue;
nodes.Serial.node.readValue = function (...how) {
  const found = readSerial.apply(this, how);
  if (tears > 0) {
    tears -= 1;
    set("Request", nodes.Request.node.readValue().value.value + 1);
  }
  return found;
};

function set(name, value, status = StatusCodes.Good) {
  const { node, dataType } = nodes[name];
  node.setValueFromSource(scalar(dataType, value), status);
}

await server.start();
say({ ready: Number(port) });

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { command, name, value, status } = JSON.parse(line);
  if (command === "set") set(name, value, status ? StatusCodes[status] : undefined);
  if (command === "tear") tears = value;
  if (command === "refuse") refused.add(name);
  say({ done: command });
}
await server.shutdown(0);
process.exit(0);
