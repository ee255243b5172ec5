// Clears BSS, says so, and waits. What else it does the tests choose: MACHINE (it starts in M-mode), FAULTS, JUMPS, SUPERVISOR
// (it goes on in S-mode), PAGING (behind a page table, Sv32), TICKS (the timer interrupts it).
typedef unsigned int u32;

extern char __bss[], __bss_end[], __stack_top[];


static void put(const char *text) {
    for (; *text; text++) {
#ifdef MACHINE
        *(volatile char *)0x10000000 = *text;
#else
        // The SBI's console_putchar.
        register long a0 __asm__("a0") = *text;
        register long a7 __asm__("a7") = 1;
        __asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "a1", "memory");
#endif
    }
}

__attribute__((noinline)) static int depth(int left) {
    volatile int here = left;
    return left ? depth(left - 1) + here : 0;
}

#ifdef PAGING
static u32 pages[1024] __attribute__((aligned(4096)));
#endif

__attribute__((noinline)) static void supervisor(void) {
#ifdef PAGING
    // 4 MiB each: the UART, and the kernel's memory.
    pages[0x10000000 >> 22] = (0x10000000 >> 12) << 10 | 0xcf;
    pages[0x80000000 >> 22] = (0x80000000 >> 12) << 10 | 0xcf;
    __asm__ volatile("csrw satp, %0\nsfence.vma" ::"r"(1u << 31 | (u32)pages >> 12));
    put("behind a page table\n");
#endif
#ifdef FAULTS
    *(volatile int *)8 = depth(3);
#endif
#ifdef JUMPS
    ((void (*)(void))8)();
#endif
    for (;;) __asm__ volatile("wfi");
}

#ifdef TICKS
static volatile u32 ticks;

__attribute__((interrupt("machine"), aligned(4))) static void tick(void) {
    volatile u32 *compare = (u32 *)0x2004000;
    compare[1] = 0xffffffff;
    compare[0] = *(volatile u32 *)0x200bff8 + 100000;
    compare[1] = *(volatile u32 *)0x200bffc;
    ticks++;
}
#endif

void kernel_main(void) {
    for (volatile char *at = __bss; at < __bss_end; at++) *at = 0;
    depth(2);
    put("hello from 32 bits\n");
#ifdef TICKS
    __asm__ volatile("csrw mtvec, %0" ::"r"(tick));
    tick();
    __asm__ volatile("csrs mie, %0\ncsrsi mstatus, 8" ::"r"(1 << 7));
#endif
#ifdef SUPERVISOR
    // All of memory for S-mode (privileged manual, "Physical Memory Protection"); MPP = S.
    __asm__ volatile("csrw pmpaddr0, %0" ::"r"(-1u));
    __asm__ volatile("csrw pmpcfg0, %0" ::"r"(0x1f));
    __asm__ volatile("csrc mstatus, %0" ::"r"(3u << 11));
    __asm__ volatile("csrs mstatus, %0" ::"r"(1u << 11));
    __asm__ volatile("csrw mepc, %0\nmret" ::"r"(supervisor));
#endif
    supervisor();
}

__attribute__((naked, section(".text.boot"))) void boot(void) {
    __asm__ volatile("mv sp, %0\n"
                     "j kernel_main" ::"r"(__stack_top));
}
