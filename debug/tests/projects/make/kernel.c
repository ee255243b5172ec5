// A stack, BSS, one line on the console, and rest.
extern char bss_lo_mark[], bss_hi_mark[];

static unsigned long boots;

static void put(const char *text) {
    for (; *text; text++) {
        register unsigned long a0 __asm__("a0") = *text;
        register unsigned long a7 __asm__("a7") = 1;
        __asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "a1", "memory");
    }
}

void kernel_main(void) {
    for (volatile char *at = bss_lo_mark; at < bss_hi_mark; at++) *at = 0;
    boots++;
    put("hello from C\n");
    for (;;) __asm__ volatile("wfi");
}

__attribute__((naked, section(".text.start"))) void start(void) {
    __asm__ volatile("la sp, early_stack_hi\n"
                     "tail kernel_main");
}
