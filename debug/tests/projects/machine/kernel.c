// Starts in M-mode; what else it does the tests choose: FAULTS, HANDLED, SUPERVISOR.
extern char __bss[], __bss_end[];

static unsigned long boots;
static volatile char *const uart = (char *)0x10000000;

static void put(const char *text) {
    for (; *text; text++) *uart = *text;
}

__attribute__((aligned(4))) void handler(void) {
    for (;;);
}

__attribute__((noinline)) void supervisor(void) {
    put("hello from S-mode\n");
    for (;;) __asm__ volatile("wfi");
}

void kernel_main(void) {
    for (volatile char *at = __bss; at < __bss_end; at++) *at = 0;
    boots++;
    put("hello from M-mode\n");
#ifdef HANDLED
    __asm__ volatile("csrw mtvec, %0" ::"r"(handler));
#endif
#if defined(FAULTS) || defined(HANDLED)
    *(volatile int *)8 = 1;
#endif
#ifdef SUPERVISOR
    // All of memory for S-mode (privileged manual, "Physical Memory Protection"); MPP = S.
    __asm__ volatile("csrw pmpaddr0, %0" ::"r"(-1ul >> 10));
    __asm__ volatile("csrw pmpcfg0, %0" ::"r"(0xf));
    __asm__ volatile("csrc mstatus, %0" ::"r"(3ul << 11));
    __asm__ volatile("csrs mstatus, %0" ::"r"(1ul << 11));
    __asm__ volatile("csrw mepc, %0\nmret" ::"r"(supervisor));
#endif
    for (;;) __asm__ volatile("wfi");
}

__attribute__((naked, section(".text.start"))) void start(void) {
    __asm__ volatile("la sp, __stack_top\n"
                     "tail kernel_main");
}
