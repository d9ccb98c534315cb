#include "app/program.h"

int main(int argc, char** argv) {
    millrace::app::prepare_process();
    return millrace::app::run_program(argc, argv);
}
