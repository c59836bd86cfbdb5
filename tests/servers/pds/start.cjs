// node start.cjs FOLDER PORT PLC_PORT [APP_VIEW_PORT]: Bluesky's own server on PORT, its directory of identities (in memory)
// on PLC_PORT, both on 127.0.0.1. What only the network as a whole can answer it asks on APP_VIEW_PORT.
// Says "ready" once both answer.
const http = require("http");
const crypto = require("crypto");

const [folder, port, plcPort, appViewPort] = process.argv.slice(2);

function listen(server, number) {
  return new Promise((done) => server.listen(Number(number), "127.0.0.1", done));
}

(async () => {
  const plc = require("@did-plc/server");
  const directory = await plc.PlcServer.create({ db: plc.Database.mock(), port: 0 });
  await listen(http.createServer(directory.app), plcPort);
  Object.assign(process.env, {
    PDS_HOSTNAME: "localhost",
    PDS_PORT: port,
    PDS_DEV_MODE: "true",
    PDS_DATA_DIRECTORY: `${folder}/data`,
    PDS_BLOBSTORE_DISK_LOCATION: `${folder}/blobs`,
    PDS_JWT_SECRET: "jwt-secret",
    PDS_ADMIN_PASSWORD: "admin",
    PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: crypto.randomBytes(32).toString("hex"),
    PDS_DID_PLC_URL: `http://127.0.0.1:${plcPort}`,
    PDS_INVITE_REQUIRED: "false",
    PDS_SERVICE_HANDLE_DOMAINS: ".test",
    PDS_RATE_LIMITS_ENABLED: "false",
    LOG_ENABLED: "false",
    PDS_CRAWLERS: "",
    PDS_HOME_NAME: "test",
  });
  if (appViewPort) {
    process.env.PDS_BSKY_APP_VIEW_URL = `http://127.0.0.1:${appViewPort}`;
    process.env.PDS_BSKY_APP_VIEW_DID = "did:web:localhost";
  }
  require("fs").mkdirSync(`${folder}/data`, { recursive: true });
  const { PDS, envToCfg, envToSecrets, readEnv } = require("@atproto/pds");
  const env = readEnv();
  const pds = await PDS.create(envToCfg(env), envToSecrets(env));
  const server = http.createServer(pds.app);
  // The stream of all events is a WebSocket below the same address.
  await listen(server, port);
  await pds.ctx.sequencer.start();
  console.log("ready");
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
