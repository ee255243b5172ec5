// Starts in M-mode; what else it does the tests choose: FAULTS, HANDLED, SUPERVISOR, HARTS.
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

#ifdef HARTS
// One stack for each hart. Hart 0 boots, and the others wait for it.
__attribute__((aligned(16), section(".data"))) char stack0[4096 * 4] = {1};
static volatile int ready __attribute__((section(".data")));

static void wait_for_boot(void) {
    unsigned long id;
    __asm__ volatile("csrr %0, mhartid" : "=r"(id));
    if (id == 0) return;
    while (!ready);
    for (;;) __asm__ volatile("wfi");
}
#endif

void kernel_main(void) {
#ifdef HARTS
    wait_for_boot();
#endif
    for (volatile char *at = __bss; at < __bss_end; at++) *at = 0;
    boots++;
    put("hello from M-mode\n");
#ifdef HARTS
    ready = 1;
#endif
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
#ifdef HARTS
    __asm__ volatile("la sp, stack0\nli t0, 4096\ncsrr t1, mhartid\naddi t1, t1, 1\nmul t0, t0, t1\nadd sp, sp, t0\n"
                     "tail kernel_main");
#endif
    __asm__ volatile("la sp, __stack_top\n"
                     "tail kernel_main");
}
