/** A wire that can be cut: a loopback port that passes everything on to another one, until it is cut, and again when mended. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export class Wire {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async to(target: number): Promise<Wire> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the wire has no port");
    const wire = new Wire(server, address.port);
    server.on("connection", (socket) => wire.#pass(socket, target));
    return wire;
  }

  /** Ends everything that goes on, and takes nothing more. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #pass(socket: Socket, target: number): void {
    if (this.#isCut) {
      socket.destroy();
      return;
    }
    const onward = connect(target, "127.0.0.1");
    for (const end of [socket, onward]) {
      this.#sockets.add(end);
      end.on("error", () => {});
      end.on("close", () => {
        this.#sockets.delete(end);
        socket.destroy();
        onward.destroy();
      });
    }
    socket.pipe(onward);
    onward.pipe(socket);
  }
}
