/* A Modbus server by libmodbus: a counterpart that shares nothing with the driver under test.
 *
 * usage: libmodbus_server tcp        prints its port on standard output, serves one master at a time
 *        libmodbus_server rtu PORT   prints "ready", serves unit 1 on a serial port
 *
 * 64 of each table; input register n holds 1000 + n, discrete input n is set where n is even.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 64 };

/* Answer one master until it goes away. */
static void serve(modbus_t *context, modbus_mapping_t *mapping)
{
    uint8_t request[MODBUS_MAX_ADU_LENGTH];
    for (;;) {
        int length = modbus_receive(context, request);
        if (length < 0)
            return;
        if (length > 0 && modbus_reply(context, request, length, mapping) < 0)
            return;
    }
}

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, modbus_strerror(errno));
    exit(1);
}

/* Return a socket that listens on a free loopback port, and print the port. */
static int listening(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (server < 0 || bind(server, (struct sockaddr *)&address, length) || listen(server, 4) ||
        getsockname(server, (struct sockaddr *)&address, &length))
        die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return server;
}

int main(int count, char **arguments)
{
    modbus_mapping_t *mapping = modbus_mapping_new(SIZE, SIZE, SIZE, SIZE);
    modbus_t *context;
    if (!mapping || count < 2)
        die("start");
    for (int at = 0; at < SIZE; at++) {
        mapping->tab_input_registers[at] = 1000 + at;
        mapping->tab_input_bits[at] = at % 2 == 0;
    }
    if (strcmp(arguments[1], "tcp") == 0) {
        int server = listening();
        context = modbus_new_tcp("127.0.0.1", 0);
        while (context && modbus_tcp_accept(context, &server) >= 0) {
            serve(context, mapping);
            modbus_close(context);
        }
        die("accept");
    }
    context = count > 2 ? modbus_new_rtu(arguments[2], 19200, 'N', 8, 1) : NULL;
    if (!context || modbus_set_slave(context, 1) || modbus_connect(context))
        die("open");
    printf("ready\n");
    fflush(stdout);
    for (;;)
        serve(context, mapping);
}
