/* The process that holds a pod's namespaces: it waits until it is asked to end,
   and buries the children that others leave to it. */

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal_number) { (void)signal_number; _exit(0); }

static void bury(int signal_number) {
    (void)signal_number;
    while (waitpid(-1, 0, WNOHANG) > 0) {
    }
}

int main(void) {
    struct sigaction ending = {.sa_handler = end}, burying = {.sa_handler = bury};
    burying.sa_flags = SA_NOCLDSTOP;
    if (sigaction(SIGINT, &ending, 0) || sigaction(SIGTERM, &ending, 0) ||
        sigaction(SIGCHLD, &burying, 0))
        return 1;
    for (;;)
        pause();
}
