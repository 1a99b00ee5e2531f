// A listening socket, as it is told to a site's and a master's code.

export interface ListeningInfo {
  /** Type, port and address, such as `tcp_80_0.0.0.0`. */
  type_port_ip: string;
  type: 'tcp' | 'ssl';
  address: string;
  port: number;
}
